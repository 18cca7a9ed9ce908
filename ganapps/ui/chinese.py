"""The window in Chinese: English sentence -> Chinese sentence with the same fields."""

CHINESE = {
    # labels
    "Faces": "人脸",
    "Model": "模型",
    "Seed: a number or any words": "种子：数字或任意文字",
    "Random": "随机",
    "Use last": "用上次的",
    "Variety (psi)": "变化程度 (psi)",
    "How many": "数量",
    "Describe the face": "描述人脸",
    "What you leave out, the seed decides.": "未选的由种子决定。",
    "Generate": "生成",
    "Stop": "停止",
    "Download all": "全部下载",
    "Copy link": "复制链接",
    "From average to wild": "从平均到夸张",
    "Film through these": "变脸动画",
    "Film": "动画",
    "Link": "链接",
    "Restore from a PNG": "从 PNG 恢复设置",
    "More": "更多",
    "About this model": "关于此模型",
    "Variety only in the first layers (0: in all)": "仅前几层应用变化程度（0：全部）",
    "Mix in the style of a second seed": "混入第二个种子的风格",
    "from layer": "从第几层",
    "to layer": "到第几层",
    "Fine detail (noise)": "细节（噪声）",
    "Precision": "精度",
    "Another checkpoint of the Hub": "Hub 上的其他权重",
    "fixed": "固定",
    "by the seed": "由种子决定",
    "none": "无",
    "auto": "自动",
    # lines
    "{count} M parameters": "{count} 百万参数",
    "here": "已在本机",
    "not here yet": "尚未下载",
    "commercial use": "可商用",
    "no commercial use": "不可商用",
    "licence unclear": "许可不明",
    "File": "文件",
    "Licence": "许可",
    "Commercial use": "商用",
    "Trained on": "训练数据",
    "Method": "方法",
    "Parameters": "参数量",
    "Size": "大小",
    "On this machine": "本机",
    "Note": "备注",
    "yes": "是",
    "no": "否",
    "unknown": "未知",
    "unknown until it is asked for": "请求时才知道",
    "not measured on this machine yet": "本机尚未测量",
    "about {seconds}": "约 {seconds}",
    "downloads the model first": "需先下载模型",
    "downloads {size} first": "需先下载 {size}",
    "{count} pictures in {seconds}": "{count} 张图，{seconds}",
    "1 picture in {seconds}": "1 张图，{seconds}",
    "1 network call": "1 次网络调用",
    "{count} network calls": "{count} 次网络调用",
    "{size} peak": "峰值 {size}",
    "nothing changed": "无任何改动",
    "under 1 MB more memory": "额外内存不足 1 MB",
    "stopped": "已停止",
    "seed": "种子",
    "Use {model} instead": "改用 {model}",
    "The settings of this picture are back: press Generate.": "这张图的设置已恢复：请按“生成”。",
    "Something went wrong here. It was logged; please try again.": "这里出错了，已记录；请再试一次。",
    "Faces, upscaling, translation, and GAN against diffusion": "人脸、放大、风格转换，以及 GAN 与扩散模型的对比",
    "{count} models here": "本机有 {count} 个模型",
    "1 model here": "本机有 1 个模型",
    "Hub reachable": "Hub 可用",
    "Hub offline": "Hub 离线",
    # labels of conditional models
    "Age": "年龄", "Woman to man": "女性到男性", "Ancestry": "族裔", "African": "非洲", "Asian": "亚洲", "European": "欧洲", "mixed": "混合",
    "Hair": "发型", "bald": "光头", "shaved": "寸头", "spiky": "刺猬头", "swept back": "后梳短发", "short with fringe": "短发刘海",
    "swept to one side": "侧分短发", "combed back": "大背头", "afro": "爆炸头", "bob with fringe": "齐刘海波波头", "bob with parting": "中分波波头",
    "long": "长发", "tied back": "扎发", "straight bob": "直波波头", "Hair colour": "发色", "Beard": "胡须", "Glasses": "眼镜",
    "dark frame": "深色镜框", "light frame": "浅色镜框", "Smile": "微笑", "Turn the head": "转头", "Look up or down": "抬头或低头",
    "Tilt the head": "歪头", "Light from the side": "侧光", "Brightness": "亮度", "Hard light": "硬光", "Background colour": "背景颜色",
    "Shirt": "上衣", "crew neck": "圆领", "suit": "西装", "V-neck": "V 领", "turtleneck": "高领", "scoop neck": "低圆领", "Shirt colour": "上衣颜色",
    "Class": "类别", "years": "岁", "degrees": "度",
    # what a report says
    "Not finite in {precision}: made again in float32.": "{precision} 下结果非有限值：已用 float32 重做。",
    "Out of memory: {count} at a time instead.": "内存不足：改为每次 {count} 张。",
    "So the model came from its next source, {source}.": "因此模型来自下一个来源 {source}。",
    "A newer {repo} could not be fetched, so the copy on this machine was used.": "未能取得更新的 {repo}，因此使用了本机上的副本。",
    "The model's file is not the one this recipe was made with.": "模型文件与此配方当时所用的不同。",
    "The picture is not the one this recipe was made with.": "图片与此配方当时所用的不同。",
    "This model has no style space, so this has no effect: {settings}.": "此模型没有风格空间，以下设置无效：{settings}。",
    # downloads
    "Asking the Hub for {title}": "正在向 Hub 请求 {title}",
    "Checking {title}": "正在校验 {title}",
    "Waiting for {title} ({total} MB)": "等待 {title}（{total} MB）",
    "Downloading {title}: {done} of {total} MB, {speed} MB/s": "正在下载 {title}：{done} / {total} MB，{speed} MB/s",
    # refusals: settings and recipes
    "The setting {name} can't be {value}: {accepted} is accepted.": "设置 {name} 不能是 {value}：可接受 {accepted}。",
    "The setting {name} is missing.": "缺少设置 {name}。",
    "The setting {name} is unknown: accepted are {known}.": "未知设置 {name}：可接受 {known}。",
    "The setting {name} is {value}: from {low} to {high} is accepted.": "设置 {name} 为 {value}：可接受 {low} 到 {high}。",
    "The label {name} can't be {value}: a colour like #7799cc is accepted.": "标签 {name} 不能是 {value}：请用 #7799cc 这样的颜色。",
    "The label {name} can't be {value}: accepted are {known}.": "标签 {name} 不能是 {value}：可接受 {known}。",
    "The label {name} is unknown to this model: accepted are {known}.": "此模型没有标签 {name}：可接受 {known}。",
    "The label {name} is {value}: from {low} to {high} is accepted.": "标签 {name} 为 {value}：可接受 {low} 到 {high}。",
    "The model {model} is for {its}, not for {task}: choose another one.": "模型 {model} 用于 {its}，不用于 {task}：请另选一个。",
    "The model {name} is not in the catalogue: choose one of the list, or type owner/repo:file@revision.":
        "目录中没有模型 {name}：请从列表中选择，或输入 owner/repo:file@revision。",
    "The precision {value} is unknown: accepted are auto, {allowed}.": "未知精度 {value}：可接受 auto、{allowed}。",
    "The task {task} is unknown: accepted are {known}.": "未知任务 {task}：可接受 {known}。",
    "The task {task} takes {wanted} pictures, {got} came.": "任务 {task} 需要 {wanted} 张图片，收到 {got} 张。",
    "The device {name} is not there: accepted are auto, cpu, cuda, cuda:1, mps.": "没有设备 {name}：可接受 auto、cpu、cuda、cuda:1、mps。",
    "The device has not enough memory for one picture of this model: choose a smaller one, or --device cpu.":
        "设备内存不够此模型生成一张图：请选更小的模型，或用 --device cpu。",
    "This model has no labels: leave them out, or choose a model that has.": "此模型没有标签：请去掉标签，或选有标签的模型。",
    "This model has no style space, so it has no average face to come from: choose a StyleGAN.": "此模型没有风格空间，因此没有平均脸：请选 StyleGAN。",
    "This model's weights give no picture: its output is not finite.": "此模型的权重得不到图片：输出不是有限值。",
    "This is not a recipe: a table with task and checkpoint is expected.": "这不是配方：应为含 task 与 checkpoint 的表。",
    "This is not a recipe: it can't be read as JSON.": "这不是配方：无法按 JSON 读取。",
    "This link is too long to be a recipe.": "此链接过长，不是配方。",
    "This picture was made on another tab: drop it there.": "这张图出自另一标签页：请拖到那里。",
    "This recipe has no valid {key}.": "此配方缺少有效的 {key}。",
    "This recipe has the unknown key {key}.": "此配方含未知键 {key}。",
    "This recipe is too large: {size} characters, at most {most} are accepted.": "此配方过大：{size} 个字符，最多 {most} 个。",
    "{file} can't be read: {why}.": "无法读取 {file}：{why}。",
    "{file} holds no recipe: only a picture made by this app does, and some programs remove it.": "{file} 不含配方：只有本应用生成的图片才有，某些程序会删除它。",
    "{file} is not a PNG or WebP picture that can be read.": "{file} 不是可读取的 PNG 或 WebP 图片。",
    # refusals: the catalogue
    "Row {row} of the catalogue has no sources: say where its file comes from.": "目录行 {row} 没有来源：请写明文件来自何处。",
    "Row {row} of the catalogue has no {key}.": "目录行 {row} 缺少 {key}。",
    "Row {row} of the catalogue has the unknown key {key}.": "目录行 {row} 含未知键 {key}。",
    "Row {row} of the catalogue has the unknown {key} {value}: accepted are {allowed}.": "目录行 {row} 的 {key} 未知：{value}；可接受 {allowed}。",
    "Row {row} of the catalogue: {key} can't be {value}.": "目录行 {row}：{key} 不能是 {value}。",
    "Row {row} of the catalogue: {value} is not a table of keys.": "目录行 {row}：{value} 不是键值表。",
    "The catalogue {file} can't be read: {why}.": "无法读取目录 {file}：{why}。",
    "The catalogue {file} holds something beside [[checkpoint]] rows: {keys}.": "目录 {file} 含 [[checkpoint]] 以外的内容：{keys}。",
    "The catalogue {file} is not valid TOML: {why}.": "目录 {file} 不是有效的 TOML：{why}。",
    "Two rows of the catalogue are called {row}: give one of them another id.": "目录中有两行都叫 {row}：请给其中一行换个 id。",
    # refusals: the Hub
    "The Hub answered {status} for {file} of {repo}: it has trouble of its own, so try again later.": "Hub 对 {repo} 的 {file} 返回 {status}：它自身有故障，请稍后再试。",
    "The Hub asks for a pause before it sends {file} of {repo} (too many requests): wait some minutes; with HF_TOKEN set it allows more.":
        "Hub 要求稍等再取 {repo} 的 {file}（请求过多）：请等几分钟；设置 HF_TOKEN 可放宽限制。",
    "The Hub at {host} can't be reached and {title} is not on this machine: check the connection, or choose a model that is here.":
        "无法连接 Hub（{host}），且本机没有 {title}：请检查网络，或选本机已有的模型。",
    "The Hub does not let this token read {repo} (HTTP {status}): renew HF_TOKEN, or unset it for a public model.":
        "Hub 不允许此令牌读取 {repo}（HTTP {status}）：请更新 HF_TOKEN，公开模型可取消设置。",
    "The certificate of {host} is not trusted on this machine, perhaps because a company's proxy stands between: set SSL_CERT_FILE to the proxy's certificates.":
        "本机不信任 {host} 的证书，可能中间有公司代理：请把 SSL_CERT_FILE 设为代理的证书。",
    "The copy of {file} from {repo} on this machine is damaged (not the expected sha256): delete {path}.":
        "本机上 {repo} 的 {file} 已损坏（sha256 不符）：请删除 {path}。",
    "The copy of {file} from {repo} on this machine was damaged (not the expected sha256), so it was deleted: try again to fetch it anew.":
        "本机上 {repo} 的 {file} 已损坏（sha256 不符），已删除：请重试以重新下载。",
    "The disk became full before {title} was complete: make room in {folder}, or set HF_HOME to a folder on a larger disk.":
        "{title} 未下载完磁盘已满：请在 {folder} 腾出空间，或把 HF_HOME 设到更大的磁盘。",
    "The download of {file} from {repo} was cut off again and again: check the connection and try again.": "{repo} 的 {file} 下载屡次中断：请检查网络后重试。",
    "The file {file} of {title}, which comes with this app, is missing: fetch the app's weights folder again.":
        "{title} 的随附文件 {file} 不见了：请重新获取应用的 weights 文件夹。",
    "There is no repository {repo} on the Hub, or it is private: check the name, or set HF_TOKEN to a token that may read it.":
        "Hub 上没有仓库 {repo}，或它是私有的：请检查名称，或把 HF_TOKEN 设为有权读取的令牌。",
    "What answers at {host} is not the Hub, perhaps the login page of a network: sign in there, or correct HF_ENDPOINT.":
        "{host} 的应答不是 Hub，可能是网络登录页：请先登录，或更正 HF_ENDPOINT。",
    "{place} can't be read ({why}): check its permissions and the disk.": "无法读取 {place}（{why}）：请检查权限与磁盘。",
    "{place} has {size} bytes, but the file of {title} has {expected}: it is another file and was not used.":
        "{place} 有 {size} 字节，而 {title} 的文件应为 {expected}：不是同一文件，未使用。",
    "{place} is not the file of {title}: its sha256 is another one, so it was not used. Replace the file, or correct the row.":
        "{place} 不是 {title} 的文件：sha256 不同，未使用。请替换文件或更正目录行。",
    "{reason} Other sources of {title} that failed too: {count}.": "{reason}{title} 的其他来源也失败了：{count} 个。",
    "{repo} has been disabled on the Hub: choose another model.": "{repo} 已在 Hub 上停用：请选其他模型。",
    "{repo} has no file {file} at revision {revision}: look up its name on {page}.": "{repo} 在版本 {revision} 没有文件 {file}：请在 {page} 查看文件名。",
    "{repo} has no revision {revision}: take a branch, tag or commit that is listed on {page}.": "{repo} 没有版本 {revision}：请用 {page} 列出的分支、标签或提交。",
    "{repo} is gated: accept its terms on {page}, set HF_TOKEN to a token of that account, and start again.":
        "{repo} 需同意条款：请在 {page} 接受，再把 HF_TOKEN 设为该账户的令牌并重启。",
    "{repo} was changed while {title} was being fetched: try again.": "下载 {title} 时 {repo} 被修改：请重试。",
    "{source} is not a place on the Hub: correct the row of {title}.": "{source} 不是 Hub 上的位置：请更正 {title} 的目录行。",
    "{text} is not a place on the Hub: write owner/repo:file or owner/repo:file@revision, for example {example}.":
        "{text} 不是 Hub 上的位置：请写 owner/repo:file 或 owner/repo:file@revision，例如 {example}。",
    "{title} can't be written to {folder} ({why}): set HF_HOME to a folder that can be written.": "无法把 {title} 写入 {folder}（{why}）：请把 HF_HOME 设为可写的文件夹。",
    "{title} is not on this machine and the app is offline: choose a model that is here, or start the app without --offline and HF_HUB_OFFLINE to fetch "
    "{file} from {repo}.": "{title} 不在本机且应用处于离线：请选本机已有的模型，或去掉 --offline 与 HF_HUB_OFFLINE 后启动以从 {repo} 获取 {file}。",
    "{title} needs {need} MB, and {folder} has only {free} MB free: make room there, or set HF_HOME to a folder on a larger disk.":
        "{title} 需要 {need} MB，而 {folder} 只剩 {free} MB：请腾出空间，或把 HF_HOME 设到更大的磁盘。",
    # diffusion
    "eta has a meaning for ddim only: set it to 0, or choose ddim.": "eta 只对 ddim 有意义：请设为 0，或选 ddim。",
    "The race can't be fair by {fair}: accepted are {known}.": "比赛不能按 {fair} 公平：可接受 {known}。",
    "{part} of {file} can't be read as JSON. Delete it and fetch it again.": "{file} 的 {part} 无法按 JSON 读取。请删除后重新获取。",
    "{part} of {file} is not a table of settings. Delete it and fetch it again.": "{file} 的 {part} 不是设置表。请删除后重新获取。",
    # refusals: checkpoint files
    "PyTorch can't read {file} as plain weights ({reason}). Save it again with a current PyTorch, as a state dict.":
        "PyTorch 无法把 {file} 当作纯权重读取（{reason}）。请用当前 PyTorch 以 state dict 重新保存。",
    "{file} can't be opened ({reason}). Check that it is there and that you may read it.": "无法打开 {file}（{reason}）。请确认它存在且可读。",
    "{file} claims tensors larger than the file holds; it was not read. Delete it and fetch it from its authors.":
        "{file} 声称的张量大于文件本身；未读取。请删除并从作者处重新获取。",
    "{file} ends in the middle: its download was cut off. Delete it and fetch it again.": "{file} 不完整：下载中断了。请删除后重新获取。",
    "{file} holds Python objects ({kind}) that only running its author's code could open; this app never does. Save the weights alone (a state dict) "
    "and use that file.": "{file} 含 Python 对象（{kind}），只有运行作者的代码才能打开，本应用从不这样做。请只保存权重（state dict）再使用。",
    "{file} holds no weights. Choose another file of the same model.": "{file} 不含权重。请选同一模型的其他文件。",
    "{file} holds no {wanted}, only {found}. Choose another file of the same model.": "{file} 没有 {wanted}，只有 {found}。请选同一模型的其他文件。",
    "{file} holds {count} tensors in a layout that no network here knows: nothing was run.": "{file} 含 {count} 个张量，其布局此处没有网络认识：未运行任何内容。",
    "{file} is a Git LFS pointer, the label of a file and not the file itself. Fetch the real one with `git lfs pull`, or let this app download it.":
        "{file} 是 Git LFS 指针，不是文件本身。请用 `git lfs pull` 获取，或让本应用下载。",
    "{file} is a TorchScript program, which this app never runs. Use a file with the weights alone (a state dict).":
        "{file} 是 TorchScript 程序，本应用从不运行。请用只含权重的文件（state dict）。",
    "{file} is a folder or a device, not a file. Name the checkpoint file itself.": "{file} 是文件夹或设备，不是文件。请指定权重文件本身。",
    "{file} is a message from a server, not a checkpoint. Delete it and fetch it again.": "{file} 是服务器的消息，不是权重文件。请删除后重新获取。",
    "{file} is a network of NVIDIA's older TensorFlow program, which this app can't read. Choose the PyTorch version of the model, or convert it with "
    "legacy.py of stylegan3.": "{file} 是 NVIDIA 旧 TensorFlow 程序的网络，本应用无法读取。请选该模型的 PyTorch 版，或用 stylegan3 的 legacy.py 转换。",
    "{file} is a web page, not a checkpoint. Delete it and fetch it with its direct download link.": "{file} 是网页，不是权重文件。请删除后用直接下载链接获取。",
    "{file} is damaged or was made to do harm; nothing in it was run. Delete it and fetch it from its authors.":
        "{file} 已损坏或带有恶意；其中内容未被运行。请删除并从作者处获取。",
    "{file} is empty. Delete it and fetch it again.": "{file} 是空的。请删除后重新获取。",
    "{file} is nested deeper or made of more pieces than any checkpoint; it was not read. Delete it and fetch it from its authors.":
        "{file} 的嵌套或碎片超过任何权重文件；未读取。请删除并从作者处获取。",
    "{file} is not a checkpoint this app can read. It reads safetensors, PyTorch files (.pt, .pth, .ckpt, .bin), and pickles of NVIDIA's StyleGAN and "
    "of R3GAN.": "{file} 不是本应用能读的权重文件。可读 safetensors、PyTorch 文件（.pt、.pth、.ckpt、.bin）以及 NVIDIA StyleGAN 与 R3GAN 的 pickle。",
    "{file} is not a {network} checkpoint as expected: {why}": "{file} 不是预期的 {network} 权重：{why}",
    # uploads
    "Only the first of several frames or pages was used.": "文件含多帧或多页，只用了第一张。",
    "Its EXIF data is damaged and was ignored, so it may lie on its side.": "其 EXIF 数据已损坏并被忽略，图片方向可能不对。",
    "Its 16 bit CMYK was read with 8 bit.": "其 16 位 CMYK 按 8 位读取。",
    "Its Lab colours were converted to sRGB.": "其 Lab 颜色已转换为 sRGB。",
    "Its CMYK colours were converted to sRGB through its own profile.": "其 CMYK 颜色已按自带的色彩配置转换为 sRGB。",
    "Its CMYK colours have no usable profile, so their conversion to sRGB is only near.": "其 CMYK 颜色没有可用的色彩配置，转换为 sRGB 只是近似。",
    "Its colour profile is damaged and was left out.": "其色彩配置已损坏，未采用。",
    "Its colour profile is for other kinds of colours and was left out.": "其色彩配置不适用于这种颜色，未采用。",
    "This is a folder or a device, not a file: choose a picture.": "这是文件夹或设备，不是文件：请选一张图片。",
    "This file is empty: fetch the picture again, or save it again.": "此文件是空的：请重新获取或重新保存图片。",
    "This file has {size} MB, at most {most} MB are accepted: save it smaller first.": "此文件有 {size} MB，最多接受 {most} MB：请先存得小些。",
    "This file can't be opened ({why}): choose it again.": "无法打开此文件（{why}）：请重新选择。",
    "This picture says that it has {width} x {height} pixels: at most {most} million, and {side} a side, are accepted.":
        "此图片声称有 {width} x {height} 像素：最多接受 {most} 百万像素，每边 {side}。",
    "This picture ends in the middle, so none of it was used: fetch it again, or save it again.": "此图片不完整，未使用任何部分：请重新获取或重新保存。",
    "This picture is damaged, or was made to do harm: save it again with another program.": "此图片已损坏或带有恶意：请用其他程序重新保存。",
    "This picture carries more than {most} MB beside its pixels: save it again without texts and previews.":
        "此图片除像素外还带有超过 {most} MB 的内容：请去掉文字与预览后重新保存。",
    "This picture has pixels of a kind that can't be read here: save it as PNG first.": "此图片的像素格式无法读取：请先另存为 PNG。",
    "This TIFF holds 32 bit or signed numbers, whose range it does not tell: save it with 8 or 16 bit a colour first.":
        "此 TIFF 含 32 位或带符号的数值，未说明范围：请先存为每色 8 或 16 位。",
    "This JPEG has {count} scans, so it would take too long to read: save it again with another program.":
        "此 JPEG 有 {count} 次扫描，读取太久：请用其他程序重新保存。",
    "This BMP is packed and large, so it would take too long to read: save it as PNG first.": "此 BMP 经过压缩且很大，读取太久：请先另存为 PNG。",
    "This is an SVG drawing, which has no pixels: export it as PNG first.": "这是 SVG 图形，没有像素：请先导出为 PNG。",
    "This is a web page, not a picture: open it in a browser and save the picture itself.": "这是网页，不是图片：请在浏览器中打开并保存图片本身。",
    "This is a PDF document, not a picture: export the page as PNG first.": "这是 PDF 文档，不是图片：请先把页面导出为 PNG。",
    "This is a program, not a picture: nothing in it was run.": "这是程序，不是图片：其中内容未被运行。",
    "This is an archive, not a picture: unpack it first.": "这是压缩包，不是图片：请先解压。",
    "This is an HEIC or AVIF picture, which can't be read here: save it as JPEG or PNG first.": "这是 HEIC 或 AVIF 图片，此处无法读取：请先存为 JPEG 或 PNG。",
    "This is not a picture that can be read here: PNG, JPEG, WebP, TIFF, BMP and GIF are accepted.": "这不是可读取的图片：可接受 PNG、JPEG、WebP、TIFF、BMP 和 GIF。",
    "The true picture has {w} x {h} pixels, the result {width} x {height}: give one of the same size.":
        "真实图片有 {w} x {h} 像素，结果为 {width} x {height}：请给同样大小的图片。",
    # before and after
    "Before": "之前", "After": "之后", "Lens": "放大镜", "Before and after: arrow keys move the edge": "前后对比：用方向键移动分界线",
    # the race
    "Compare": "对比", "GAN": "GAN", "Diffusion": "扩散", "Diffusion model": "扩散模型", "Diffusion steps": "扩散步数", "What is fair?": "怎样才公平？",
    "equal pictures": "图片数相同", "equal seconds": "时间相同", "equal network calls": "网络调用数相同", "Race": "开始比赛", "Sampler": "采样器",
    "Fresh noise in each DDIM step (eta)": "每个 DDIM 步的新噪声 (eta)", "Why?": "为什么？", "Step through the film": "逐步查看胶片",
    "the noisy picture": "带噪图片", "what it takes it for": "网络的猜测", "{count} pictures": "{count} 张图", "Seconds a picture": "每张秒数",
    "Network calls a picture": "每张网络调用数", "Peak memory": "峰值内存", "Device": "设备",
    "Not the same pictures: {gan} learned from {one}, {diffusion} from {other}. Compare the cost, not the looks.":
        "训练图片不同：{gan} 学自 {one}，{diffusion} 学自 {other}。请比较成本，而非观感。",
    "In the {seconds} that {count} diffusion pictures took, the GAN drew {faces} in {own}.": "扩散模型用 {seconds} 画了 {count} 张，GAN 用 {own} 画了 {faces} 张。",
    "In the {seconds} of one diffusion picture, the GAN drew {faces} in {own}.": "在画一张扩散图片的 {seconds} 里，GAN 用 {own} 画了 {faces} 张。",
    "One diffusion picture costs as much time as {count} of the GAN's.": "一张扩散图片所用的时间相当于 GAN 的 {count} 张。",
    "One pass against many: a GAN turns its noise into a picture in one network call; a diffusion model takes noise away a little at a time, and "
    "calls its network once for each step. The clock above shows what that costs here.":
        "一次对多次：GAN 只调用一次网络就把噪声变成图片；扩散模型一点一点去噪，每一步都调用一次网络。上方的时钟显示了在本机的代价。",
    "The forger and the police: a GAN learns as two networks that fight, one forging pictures, one telling them from real ones (Goodfellow 2014). "
    "The fight can tip over, and a forger that found one good picture may draw only that: modes are lost. Wasserstein and least-squares losses, "
    "spectral norms and gradient penalties tame it.":
        "伪造者与警察：GAN 由两个相互对抗的网络学成，一个伪造图片，一个辨别真假（Goodfellow 2014）。对抗可能失衡，伪造者找到一张好图后可能只画它：模式丢失。"
        "Wasserstein 与最小二乘损失、谱归一化和梯度惩罚可使其稳定。",
    "One network, one task: a diffusion model learns only to say what noise was added (Ho 2020). That is as stable as learning to copy, and every "
    "training picture counts, so it covers more of the variety; the price is paid when it draws.":
        "一个网络，一个任务：扩散模型只学习说出加入了什么噪声（Ho 2020）。这像学临摹一样稳定，每张训练图都算数，因此覆盖的多样性更多；代价在作画时付出。",
    "The middle: distillation teaches a diffusion model to draw in few steps, often with a GAN's critic as the judge.":
        "折中：蒸馏让扩散模型只用几步作画，常由 GAN 的判别器来评判。",
    # enlarging
    "Upscale": "放大", "Your picture": "你的图片", "Delete it now": "立即删除", "How large": "放大到", "as the model does": "按模型倍数", "2x": "2 倍", "3x": "3 倍",
    "4x": "4 倍", "8x": "8 倍", "a width in pixels": "指定像素宽度", "Width in pixels": "像素宽度", "Enlarge": "放大", "Strength": "强度",
    "Keep the original colours": "保留原来的颜色", "Download": "下载", "Every model on a crop": "在局部比较所有模型", "What was invented": "网络编造了什么",
    "Many pictures": "多张图片", "Pictures": "图片", "Enlarge all": "全部放大", "Tile in pixels (0: by the memory)": "分块像素（0：按内存）",
    "A picture of 16 bits stays one": "16 位图片保持 16 位", "Keep where it was taken (GPS)": "保留拍摄地点 (GPS)", "The true picture, to measure against": "真实图片，用于测量",
    "contradicted": "与原图矛盾之处", "invented": "编造的细节", "bicubic, no network": "双三次插值，无网络", "waiting": "等待中",
    "about {seconds} left": "约剩 {seconds}", "done in {seconds}": "用时 {seconds}", "{count} tiles of {n} px": "{count} 块，每块 {n} 像素",
    "one tile": "1 块",
    "shrunk back it equals the original to {n} dB": "缩回后与原图一致至 {n} dB", "colours moved by {n} (1 is just visible)": "颜色偏移 {n}（1 为刚可见）",
    "seams: {n} of 255": "接缝：{n} / 255", "invented detail: {n} of 255": "编造细节：{n} / 255", "PSNR {n} dB": "PSNR {n} dB", "SSIM {n}": "SSIM {n}",
    "There is no picture yet: drop one into the box.": "还没有图片：请拖一张进来。",
    "The settings are back. Choose the picture again: no upload is ever kept in a recipe.": "设置已恢复。请再次选择图片：配方从不保存上传的图片。",
    "Your picture is worked on here, is not logged or passed on, and is deleted after about an hour.": "图片只在此处处理，不记录、不转交，约一小时后删除。",
    "A crop is four whole numbers: x, y, width, height.": "裁剪为四个整数：x、y、宽、高。",
    "The crop {box} does not lie inside a picture of {width} x {height} pixels.": "裁剪 {box} 不在 {width} x {height} 像素的图片内。",
    # upscale: tiles and sizes
    "Both a scale and a width were given: leave one of them out.": "同时给出了倍数和宽度：请去掉其中一个。",
    "Out of memory on {device}: the rest is made on the CPU.": "{device} 内存不足：其余部分在 CPU 上生成。",
    "Out of memory: tiles of {count} pixels instead.": "内存不足：改用 {count} 像素的分块。",
    "The memory is not enough for this model even with the smallest tiles: close other programs or choose a smaller model.":
        "即使用最小的分块，内存也不够运行此模型：请关闭其他程序或选择更小的模型。",
    "The result would have {width} x {height} pixels and needs {need} GB of memory, {free} GB are free: choose a smaller scale.":
        "结果将有 {width} x {height} 像素，需要 {need} GB 内存，目前可用 {free} GB：请选择更小的倍数。",
    "These tiles share fewer pixels than this model looks at: faint seams are possible.": "这些分块重叠的像素少于此模型所看的范围：可能出现轻微接缝。",
    "This model does not enlarge pictures: choose an upscaler.": "此模型不能放大图片：请选择超分辨率模型。",
    # a crop, and a checkpoint file of one's own
    "Denoise": "去噪", "denoise strength {n}": "去噪强度 {n}",
    "This model has no denoise strength: leave it out, or choose one that has.": "此模型没有去噪强度：请去掉该设置，或选择有此设置的模型。",
    "Crop: x, y, width, height": "裁剪区：x, y, 宽, 高",
    "Drag on your picture, click it, or type: on this part every model is tried. Empty: its middle.":
        "在图片上拖动、点击，或直接输入：所有模型都在这一部分上试用。留空则取中间。",
    "Your own checkpoint file": "你自己的权重文件", "your file": "你的文件",
    "safetensors, .pth, .pt, .pkl: read as data, never run, and gone after about an hour. A recipe names it by its sha256 and asks for it again.":
        "safetensors、.pth、.pt、.pkl：只作为数据读取，绝不执行，约一小时后删除。配方只记录它的 sha256，重现时需再次提供。",
    "The settings are back. Choose the picture again, and under More your checkpoint file: no upload is ever kept in a recipe.":
        "设置已恢复。请重新选择图片，并在“更多”中重新提供权重文件：配方从不保存上传的文件。",
    "{file} has {size} MB: checkpoint files of at most {most} MB are accepted.": "{file} 有 {size} MB：权重文件最大 {most} MB。",
    "This is not the checkpoint file that the recipe was made with: its sha256 begins with {found}, that of the recipe with {asked}.":
        "这不是生成该配方所用的权重文件：它的 sha256 以 {found} 开头，配方中的以 {asked} 开头。",
    "This recipe was made with a checkpoint file of its own (sha256 {digest}...), and no recipe holds one: give the file again.":
        "该配方使用了自备的权重文件（sha256 {digest}...），配方中不保存文件：请再次提供。",
    # between the tabs, and what one can take away
    "Send to Upscale": "发送到放大", "Send to Translate": "发送到转换", "Report": "报告",
    "There is nothing to send yet: make a picture first.": "还没有可发送的图片：请先生成一张。",
    # translation
    "Translate": "转换", "The other way": "反方向", "Style": "风格", "Every model on it": "所有模型一起", "And back again": "再转回来", "Translate all": "全部转换",
    "paired training": "成对训练", "style transfer, no GAN": "风格迁移，非 GAN", "diffusion, no GAN": "扩散模型，非 GAN",
    "trained for closeness, no GAN": "以接近为目标训练，非 GAN",
    "The model of this result has no twin that goes back: choose one that has, and translate again.": "此结果的模型没有反方向的孪生模型：请选有的模型，再转换一次。",
    "theirs": "转换后", "and back again": "再转回来", "where it differs": "差异之处",
    "Returns {percent} % of your picture.": "还原了你图片的 {percent} %。", "Cycle-consistency loss": "循环一致性损失",
    "Identity loss of F": "F 的恒等损失", "Identity loss of G": "G 的恒等损失",
    "mean |F(G(x)) - x|: x is your picture, G the way there, F the way back, values from -1 to 1": "平均 |F(G(x)) - x|：x 是你的图片，G 去，F 回，取值 -1 到 1",
    "mean |F(x) - x|: F should leave a picture of its own target domain alone": "平均 |F(x) - x|：F 不应改动已属于其目标域的图片",
    "mean |G(y) - y|: so should G; y is the translated picture, in place of a real one of that domain": "平均 |G(y) - y|：G 也一样；y 是转换后的图片，代替该域的真实图片",
    "Translate a picture first.": "请先转换一张图片。", "strips differ from the whole by at most {n} of 255": "分条与整体最多相差 {n} / 255",
    "What the face should have": "人脸应有的特征", "Black hair": "黑发", "Blond hair": "金发", "Brown hair": "棕发", "Male": "男性", "Young": "年轻",
    "What should change": "要改变什么", "photograph": "照片", "anime background": "动漫背景", "painting": "绘画", "line drawing": "线稿", "horse": "马", "zebra": "斑马",
    "modern photograph": "现代照片", "faded print": "褪色相片",
    "A picture of this size needs room for temporary files, and there is none ({why}): make it smaller, or set TMPDIR.":
        "这样大小的图片需要临时文件空间，但没有（{why}）：请缩小图片，或设置 TMPDIR。",
    "Out of memory for the whole picture: in strips instead.": "内存不足以整张处理：改为分条。",
    "The memory is not enough for this picture and this model: make the picture smaller, or close other programs.": "内存不够此图片与此模型：请缩小图片，或关闭其他程序。",
    "This model does not translate pictures: choose a translator.": "此模型不转换图片：请选转换模型。",
    "Examples": "示例",
    "This model does not draw from seeds: choose a face model.": "此模型不从种子作画：请选人脸模型。",
}
