"""The words of the race in Chinese: English sentence -> Chinese sentence with the same fields."""

RACE = {
    # the race
    "Compare": "对比", "GAN": "GAN", "Diffusion": "扩散", "Diffusion model": "扩散模型", "Diffusion steps": "扩散步数", "What is fair?": "怎样才公平？",
    "equal pictures": "图片数相同", "equal seconds": "时间相同", "equal network calls": "网络调用数相同", "Race": "开始比赛", "Sampler": "采样器",
    "Fresh noise in each DDIM step (eta)": "每个 DDIM 步的新噪声 (eta)", "Step through the film": "逐步查看胶片",
    "the noisy picture": "带噪图片", "what it takes it for": "网络的猜测", "{count} pictures": "{count} 张图", "Seconds a picture": "每张秒数",
    "Network calls a picture": "每张网络调用数", "Peak memory": "峰值内存", "Device": "设备",
    "Not the same pictures: {gan} learned from {one}, {diffusion} from {other}. Compare the cost, not the looks.":
        "训练图片不同：{gan} 学自 {one}，{diffusion} 学自 {other}。请比较成本，而非观感。",
    "What do they make?": "画什么？", "Steps of this one": "这一方的步数", "In words: what is to be seen, or to be done": "用文字说明：画面内容，或要做的修改", "Pictures of a text": "文字生成图片", "Larger pictures": "放大图片",
    "Other pictures": "转换图片", "equal memory": "内存相同", "Stop this side": "停止这一方",
    "Report": "报告", "How closely it follows the text (guidance)": "贴合文字的程度 (guidance)", "Steps": "步数", "How closely it follows the picture (image guidance)": "贴合原图的程度 (image guidance)",
    "Noise on the small picture: the more, the more is invented": "给小图加的噪声：越多，编造的细节越多", "1 picture": "1 张图", "and {count} more": "以及另外 {count} 张",
    "the GAN": "这个 GAN", "the diffusion model": "扩散模型", "not measured here": "此处未测量", "too short to tell": "太短，无法判断", "torch can't count them": "torch 无法计数",
    "Operations a picture, counted by torch": "每张运算次数（torch 计数）", "Peak memory, network included": "峰值内存（含网络）", "Joules a picture, the whole card": "每张焦耳（整张显卡）",
    "Warming up {title}": "正在预热 {title}", "The settings are back: press Race.": "设置已恢复：请按“开始比赛”。",
    "In the {seconds} that {diffusion} took for one picture, {gan} made {faces}.": "在{diffusion}画一张图的 {seconds} 里，{gan}画了 {faces} 张。",
    "In the {seconds} that {diffusion} took for one picture, {gan} made {faces} in {own}.": "在{diffusion}画一张图的 {seconds} 里，{gan}用 {own} 画了 {faces} 张。",
    "In the {seconds} that {diffusion} took for {count} pictures, {gan} made {faces} in {own}.": "{diffusion}用 {seconds} 画了 {count} 张，{gan}用 {own} 画了 {faces} 张。",
    "One picture of {diffusion} costs as much time as {many} of {gan}.": "{diffusion}的一张图所用的时间相当于{gan}的 {many} 张。",
    "One picture of {gan} costs as much time as {many} of {diffusion}.": "{gan}的一张图所用的时间相当于{diffusion}的 {many} 张。",
    "Equal memory: the {size} that one picture of {dear} needs, network included, hold {light}'s network and {count} of its pictures at once.":
        "内存相同：{dear}画一张图需要 {size}（含网络），其中可容纳{light}的网络和它同时画的 {count} 张图。",
    # refusals
    "This race has not two recipes.": "这场比赛没有两个配方。",
    "A race between {one} and {other} is not offered here.": "此处没有 {one} 与 {other} 之间的比赛。",
    "The memory of a picture can't be measured on this machine: choose another kind of fairness.": "本机无法测量一张图的内存：请选另一种公平方式。",
    "A film through the noise is there for faces only.": "只有人脸有穿过噪声的动画。",
    "This model does not draw from noise alone: choose a diffusion model of faces.": "此模型不是仅从噪声作画：请选人脸的扩散模型。",
    # between two seeds
    "Between two seeds": "两个种子之间", "Film both": "双方各拍一段", "Pictures of a film": "每段动画的图片数",
    "From the seed above to the next one and back, along the great circle through each model's noise. The smoother the film, the smoother that space.":
        "从上方的种子到下一个种子再回来，沿各模型噪声中的大圆。动画越平滑，那个空间就越平滑。",
    "from picture to picture {mean} of 255 on average, {largest} at most": "相邻图片平均相差 {mean} / 255，最多 {largest}",
    # quality over seconds
    "Quality over seconds": "质量与时间", "Figure": "指标", "The same numbers": "同样的数字", "Nearness (Fréchet distance)": "接近程度（Fréchet 距离）",
    "Realism (precision)": "真实度（精确率）", "Coverage (recall)": "覆盖度（召回率）", "Variety (diversity)": "变化（多样性）",
    "Setting": "设置", "Pictures measured": "测量图片数", "{count} steps": "{count} 步", "1 step": "1 步", "{figure} over seconds a picture": "{figure}与每张秒数",
    "Where each model stands, and how psi, steps and eta move it. The ring is the measured setting nearest to the controls above.":
        "每个模型所处的位置，以及 psi、步数和 eta 如何移动它。圆圈是与上方设置最接近的已测设置。",
    "Measured on {count} pictures of each.": "每个设置各测 {count} 张图。",
    "Measured on {few} to {many} pictures: the fewer, the farther they seem.": "测量用了 {few} 到 {many} 张图：图越少，看起来越远。",
    "Seconds: of this visit's races, on this machine.": "秒数：来自本次访问的比赛，在本机测得。",
    "Seconds of filled marks: of this visit's races, on this machine; of hollow ones: from the table that ships, measured on another machine.":
        "实心标记的秒数：来自本次访问的比赛，在本机测得；空心标记的秒数：来自随附的表，在另一台机器上测得。",
    "Seconds: from the table that ships, measured on another machine (hollow marks). A race moves them to this one's.":
        "秒数：来自随附的表，在另一台机器上测得（空心标记）。比赛一次即换成本机的。",
    "Nobody has measured {model} yet.": "尚未有人测量 {model}。", "Nobody has measured these two yet: choose the pair that ships with the app.": "尚未有人测量这两个：请选随应用附带的一对。",
    "Lower is nearer to the training pictures.": "越低越接近训练图片。", "How many of its pictures could be real ones: higher is better.": "其图片有多少可以当真：越高越好。",
    "How much of the real variety it covers: higher is better.": "覆盖了多少真实的多样性：越高越好。", "How far its pictures lie apart: 1 is as far as the real ones do.": "其图片彼此相距多远：1 表示与真实图片相当。",
    "Nearness, an unseen network": "接近程度（未参与训练的网络）",
    "The Fréchet distance again, seen by a network that no training looked through: lower is nearer.": "同样的 Fréchet 距离，但用没有参与任何训练的网络来看：越低越接近。",
    "None of these is an FID: they look through EfficientNet-Lite0. The GAN's critic learned through the same network, which favours the GAN.":
        "这些都不是 FID：它们用 EfficientNet-Lite0 来看。GAN 的判别器在训练时用的是同一个网络，这对 GAN 有利。",
    # why
    "network calls a picture": "每张网络调用数", "seconds a picture": "每张秒数", "quality over seconds": "质量与时间", "between two seeds": "两个种子之间",
    "One pass against many": "一次对多次",
    "A GAN turns its noise into a picture in one call of its network; a diffusion model takes the noise away a little at a time and calls its network once for each step ({ddpm}). "
    "Counted here: {calls}. What it costs here: {seconds}.":
        "GAN 只调用一次网络就把噪声变成图片；扩散模型一点一点去掉噪声，每一步调用一次网络（{ddpm}）。本页的计数：{calls}。在本机的代价：{seconds}。",
    "The forger and the police": "伪造者与警察",
    "A GAN is two networks that fight: one forges pictures, the other tells them from real ones, and both get better by it ({gan}). What remains is the forger. A diffusion model is one "
    "network with one task: to say what noise was added to a picture ({ddpm}).":
        "GAN 是两个相互对抗的网络：一个伪造图片，一个辨别真假，双方都因此进步（{gan}）。最后留下的是伪造者。扩散模型是一个网络、一个任务：说出图片里加入了什么噪声（{ddpm}）。",
    "Calm or stormy training": "平静还是风暴般的训练",
    "A fight has no loss that simply falls: it can circle or tip over ({converge}). Gradient penalties ({penalty}) and losses that compare real and forged pictures in pairs ({r3gan}) tame "
    "it. Saying what noise was added is plain regression, as steady as learning to copy.":
        "对抗没有一个单纯下降的损失：它可能兜圈子或失衡（{converge}）。梯度惩罚（{penalty}）以及成对比较真假图片的损失（{r3gan}）可使其稳定。说出加入的噪声只是普通回归，像学临摹一样稳定。",
    "What is left out": "遗漏了什么",
    "Nobody punishes a forger for pictures that he never draws, so a GAN may leave out whole kinds of them ({modes}); for a diffusion model every training picture counts, and it covers "
    "more ({beat}). Recall measures just that ({recall}): {quality}.":
        "伪造者从不画的图片没有人会惩罚，所以 GAN 可能整类整类地遗漏（{modes}）；对扩散模型来说每张训练图片都算数，因此覆盖得更多（{beat}）。召回率测的正是这一点（{recall}）：{quality}。",
    "Each has its own knob": "各有各的旋钮",
    "Psi draws every face of the GAN towards the average one: nearer to real, less varied ({style}). A diffusion model trades seconds for quality by its steps, and eta says how much fresh "
    "noise each step adds ({ddim}). Move them and watch the ring: {quality}.":
        "psi 把 GAN 的每张脸拉向平均脸：更真实，但变化更少（{style}）。扩散模型用步数以时间换质量，eta 决定每步加入多少新噪声（{ddim}）。移动它们并看圆圈：{quality}。",
    "Which space is smooth": "哪个空间更平滑",
    "A GAN's generator is one smooth function, so a small step in its noise is a small step in the picture. With eta 0 a diffusion model is a function of its noise too ({ddim}), but many "
    "calls deep, and the picture may jump. See both walk: {films}.":
        "GAN 的生成器是一个平滑的函数，噪声里的一小步就是图片里的一小步。eta 为 0 时扩散模型也是其噪声的函数（{ddim}），但要经过许多次调用，图片可能跳变。看双方走一遍：{films}。",
    "The middle": "折中",
    "A diffusion model can be taught to draw in few steps: by halving them again and again ({distil}), by going straight to the end ({consistency}), or with a GAN's critic as the judge "
    "({turbo}), which is how the two came together.":
        "可以教扩散模型只用几步作画：一次次把步数减半（{distil}），直接走到终点（{consistency}），或让 GAN 的判别器来评判（{turbo}），两者就这样走到了一起。",
}
