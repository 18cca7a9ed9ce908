"""The words of the window in its languages; the English sentence is the key."""

from __future__ import annotations

import gradio as gr


def say(lang: str, template: str, **values: object) -> str:
    """A sentence in the visitor's language, its fields filled. English where no translation is known."""
    if lang == "zh":
        template = CHINESE.get(template, template)
        values = {k: CHINESE.get(v, v) if isinstance(v, str) else v for k, v in values.items()}
    return template.format(**values)


def t(english: str) -> gr.i18n.I18nData:
    """A label that the browser shows in the visitor's language."""
    return I18N(english)


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
}

I18N = gr.I18n(en={k: k for k in CHINESE}, zh=CHINESE, **{"zh-CN": CHINESE})
