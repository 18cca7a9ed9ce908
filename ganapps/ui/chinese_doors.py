"""Chinese for what the doors and the queue say."""

from __future__ import annotations

DOORS = {
    "This app does not know itself by the name {host}: if it is one of its names, start it with --host-name {host}.":
        "此应用不认识自己名为 {host}：若这确是它的名称，请以 --host-name {host} 启动。",
    "A page of {origin} may not use this app: open the app itself.":
        "来自 {origin} 的页面不能使用此应用：请直接打开此应用。",
    "Files of other addresses are not fetched here: send the file itself.":
        "这里不会从其他地址获取文件：请直接发送文件。",
    "Too many wrong passwords came from your address: try again in a minute.":
        "来自你的地址的错误密码过多：请一分钟后再试。",
    "This request has lists within lists within lists: at most {most}.":
        "此请求的列表嵌套过深：最多 {most} 层。",
    "A session_hash has at most {most} characters.": "session_hash 最多 {most} 个字符。",
    "A file came in a request that is no JSON: send it again.":
        "文件所在的请求不是 JSON：请重新发送。",
    "A request has at most {most} beside its pictures: upload files, and keep texts short.":
        "请求除图片外最多 {most}：请上传文件，并缩短文字。",
    "A request brings at most {most} files: ask for the others after it.":
        "一个请求最多带 {most} 个文件：其余请随后发送。",
    "This file is larger than an upload may be: make it smaller.":
        "此文件超过上传上限：请缩小。",
    "A data URI stands here where no file is expected: give it as the url of a file.":
        "此处不应是 data URI：请作为文件的 url 提供。",
    "{count} runs of yours are under way or waiting, and no visitor may have more: "
    "wait for one to end.":
        "你已有 {count} 个任务在运行或等待，每位访客不能更多：请等其中一个结束。",
    "Nobody listened to this run, so it was ended.": "没有人在等此任务，因此已结束。",
    "The time limit of {seconds} seconds for a run is reached, and what was done stays: "
    "ask for less at a time.":
        "已达到每次运行 {seconds} 秒的时限，已完成的部分保留：请一次少要一些。",
    "Runs wait in the queue: POST to /gradio_api/call/NAME.":
        "任务须排队：请 POST 到 /gradio_api/call/NAME。",
}
