"""The renderer behind the training pictures: heads of people who do not exist, from MakeHuman's CC0
assets, path-traced by Blender.
"""
