"""One-time conversions of published weight files into ONNX that ONNX Runtime runs fast.

Each module turns one kind of source into one `.onnx`: the same input bytes always give the same output bytes, so that
the result can be checked by its hash. Needs the `onnx` package, which is imported nowhere else.
"""
