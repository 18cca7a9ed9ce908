"""What the cards say of models, in Chinese: what they like, and what they can't do."""

MODELS = {
    "Likes": "擅长", "Can't do": "做不到", "What {model} makes of an example": "{model} 处理示例的结果",
    "Photographs by daylight of 500 px and more: streets, landscapes, people outdoors.": "500 像素以上的日光照片：街道、风景、户外人物。",
    "Change any shape, or go back. Dark areas of pictures under 500 px get a faint pattern.": "改变形状，或转换回来。500 像素以下的图片，暗处会出现淡淡的纹路。",
    "Landscapes, streets and buildings with clear outlines.": "轮廓清晰的风景、街道和建筑。",
    "Draw faces: they stay plain, and a close-up can turn into a blue night. It has no way back.": "画人脸：人脸显得平淡，特写可能变成蓝色的夜晚。无法转换回来。",
    "Scenes with strong shapes, where flat areas are welcome.": "形状鲜明、适合平涂的场景。",
    "Keep colours or fine detail: all turns brownish and flat, faces too. It has no way back.": "保留颜色或细节：一切变得偏棕、扁平，人脸也是。无法转换回来。",
    "Large simple shapes: one animal, one building, a sky.": "大而简单的形状：一只动物、一座建筑、一片天空。",
    "Keep fine detail or letters, and two of the styles hide the picture. It learned textures of paintings, not what is painted.":
        "保留细节或文字；其中两种风格会掩盖图片。它学的是绘画的纹理，而不是所画的内容。",
    "One large brown horse on grass, seen from the side.": "草地上一匹侧面的大棕马。",
    "Tell a horse from what is on or beside it: riders and fences get stripes too.": "区分马与马上、马旁的东西：骑手和围栏也会长出条纹。",
    "One large zebra on grass, seen from the side.": "草地上一匹侧面的大斑马。",
    "Take all stripes away: they often stay as shadows.": "去掉所有条纹：它们常以阴影留下。",
    "One large brown horse on grass, in 256 px.": "草地上一匹大棕马，256 像素。",
    "One large zebra on grass, in 256 px.": "草地上一匹大斑马，256 像素。",
    "Reach the paper's quality: it saw 20 epochs, a tenth of the paper's.": "达到论文的质量：它只训练了 20 轮，是论文的十分之一。",
    "Photographs with clear shapes and one subject: buildings, portraits, objects.": "形状清晰、主体单一的照片：建筑、肖像、物品。",
    "Draw shadows, colours or texture: soft forms vanish.": "画阴影、颜色或纹理：柔和的形体会消失。",
    "Portraits and objects of which few, broad lines tell enough.": "用少量粗线就足以表现的肖像和物品。",
    "Keep small details: its lines are few and broad.": "保留小细节：线条少而粗。",
    "Coloured drawings of anime with clean outlines.": "轮廓干净的彩色动漫图。",
    "Draw from photographs: they give little.": "从照片作画：几乎得不到什么。",
    "A portrait of about 512 px, one face that fills the picture, in even light.": "约 512 像素的肖像，一张脸占满画面，光线均匀。",
    "Promise anything for small faces, groups or landscapes: it learned from portraits alone.": "保证小脸、合影或风景的效果：它只学过肖像。",
    "Photographs near 512 px, and short orders: make it snow, turn the cat into a fox.": "约 512 像素的照片，以及简短的指令：让它下雪，把猫变成狐狸。",
    "Count, move things about, or leave faces alone. Larger pictures are edited small and enlarged.":
        "数数、移动物体，或不改动人脸。较大的图片会先缩小编辑再放大。",
    "picture": "图片", "picture as the text says": "按文字修改的图片",
}
