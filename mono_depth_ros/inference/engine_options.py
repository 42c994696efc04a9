"""What can be chosen of how a network runs: its backend, number format and image size."""

# Names, and the modules of inference/backends that say what each can do; no PyTorch for --help.
BACKENDS = {
    'torch': 'pytorch',
    'onnxruntime': 'onnx_runtime',
    'openvino': 'open_vino',
    'tensorrt': 'tensorrt',
}
PRECISION_NAMES = ('float32', 'float16', 'bfloat16')  # as PyTorch calls them
RESIZE_MODES = ('keep_aspect', 'stretch')
