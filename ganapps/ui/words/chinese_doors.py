"""Chinese for what the doors and the queue say."""

from __future__ import annotations

DOORS = {
    "The host {host} is not known here: start the app with --host-name {host} to serve it under this name.": "这里不认识主机名 {host}：若要以此名称提供服务，请以 --host-name {host} 启动应用。",
    "This request comes from another page, so it is refused: open the app itself.": "此请求来自其他页面，已拒绝：请直接打开此应用。",
    "This address is too long.": "此地址过长。",
    "There is no endpoint {name}: there are {known}.": "没有接口 {name}：现有 {known}。",
    "{count} arguments came, {most} are accepted: {known}.": "收到 {count} 个参数，最多接受 {most} 个：{known}。",
    "There is no event {number}.": "没有事件 {number}。",
    "{name} names a proxy that can't be used: write http://, https:// or socks5:// and an address, or unset it.": "{name} 指定的代理无法使用：请写成 http://、https:// 或 socks5:// 加地址，或取消设置。",
    "Only files of this app are served here.": "这里只提供此应用自己的文件。",
    "Too many wrong passwords: try again in {seconds} s.": "错误密码过多：请在 {seconds} 秒后再试。",
    "The argument {name} is unknown: accepted are {known}.": "未知参数 {name}：可接受 {known}。",
    "This request has lists within lists within lists: at most {most}.": "此请求的列表嵌套过深：最多 {most} 层。",
    "A session_hash has at most {most} characters.": "session_hash 最多 {most} 个字符。",
    "This request has over {most} MB: a file goes to /gradio_api/upload first, or as a data URI.": "此请求超过 {most} MB：文件请先发到 /gradio_api/upload，或作为 data URI。",
    "A request brings at most {most} files: ask for the others after it.": "一个请求最多带 {most} 个文件：其余请随后发送。",
    "This file is larger than an upload may be: make it smaller.": "此文件超过上传上限：请缩小。",
    "A data URI stands here where no file is expected: give it as the url of a file.": "此处不应是 data URI：请作为文件的 url 提供。",
    "Nobody listened to this run, so it was ended.": "没有人在等此任务，因此已结束。",
    "Runs wait in the queue: POST to /gradio_api/call/NAME.": "任务须排队：请 POST 到 /gradio_api/call/NAME。",
}
