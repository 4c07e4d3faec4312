"""Reads the header of an image file before decoding: format, size, orientation.

Only the leading bytes determine the format, not file names or content types, and not other content of the file (a ZIP
after a JPEG, a script in a comment). No allocation here depends on values in a header.

`reading` detects the format, each format has a module, and `other_formats` names unsupported formats.
"""
