"""One-time conversions of published weight files to ONNX that is fast in ONNX Runtime.

Each module converts one kind of source to one `.onnx` file. Conversions are reproducible byte for byte, so the result
can be checked by its hash. Needs the `onnx` package, which is imported nowhere else.
"""
