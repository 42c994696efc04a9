"""What can be chosen of how a network runs: its backend, number format and image size."""

BACKENDS = ('torch', 'onnxruntime', 'openvino', 'tensorrt')
PRECISION_NAMES = ('float32', 'float16', 'bfloat16')  # as PyTorch calls them
FITS = ('keep_aspect', 'stretch')
