"""Runs inside Blender, without a window: reads results as an artist would and writes what the compositor makes of them.

Arguments after `--`: the folder with face.exr, plate.exr and crypto.exr, the face's offset from the plate's middle in
pixels to the right and up, and the identity's name.
"""

import sys

import bpy

folder, right, up, identity = sys.argv[sys.argv.index("--") + 1 :]
scene = bpy.context.scene
scene.use_nodes = True
tree = scene.node_tree
tree.nodes.clear()


def read(name):
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(f"{folder}/{name}.exr")
    return node


def write(name, sockets):
    node = tree.nodes.new("CompositorNodeOutputFile")
    node.base_path = f"{folder}/blender_{name}"
    node.format.file_format, node.format.color_depth, node.format.exr_codec = "OPEN_EXR_MULTILAYER", "32", "ZIP"
    node.layer_slots.clear()
    for label in sockets:
        node.layer_slots.new(label)
    for index, socket in enumerate(sockets.values()):
        tree.links.new(socket, node.inputs[index])


face, plate, crypto = read("face"), read("plate"), read("crypto")
write("layers", {socket.name: socket for socket in face.outputs})

placed = tree.nodes.new("CompositorNodeTranslate")
placed.inputs["X"].default_value, placed.inputs["Y"].default_value = float(right), float(up)
tree.links.new(face.outputs["Combined"], placed.inputs["Image"])
over = tree.nodes.new("CompositorNodeAlphaOver")
over.use_premultiply, over.premul = False, 0
tree.links.new(plate.outputs["Image"], over.inputs[1])
tree.links.new(placed.outputs["Image"], over.inputs[2])
write("over", {"over": over.outputs["Image"]})

picked = tree.nodes.new("CompositorNodeCryptomatteV2")
picked.source, picked.image = "IMAGE", crypto.image
picked.layer_name, picked.matte_id = "CryptoIdentity", identity
write("picked", {"matte": picked.outputs["Matte"]})

end = tree.nodes.new("CompositorNodeComposite")
tree.links.new(over.outputs["Image"], end.inputs["Image"])
scene.render.resolution_x, scene.render.resolution_y = plate.image.size
scene.render.resolution_percentage = 100
bpy.ops.render.render()
