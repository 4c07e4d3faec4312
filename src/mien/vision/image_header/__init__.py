"""Reads what must be known of an image file before any of it is decoded: format, size, orientation.

Only the leading bytes decide on the format; file names and content types are not looked at, and whatever else a file
is besides (a ZIP behind a JPEG, a script in a comment) does not matter. Nothing here allocates by what a header says.

`reading` tells the format, a module a format reads the rest, `other_formats` names what is not read.
"""
