"""The quality of a face in the measures of ISO/IEC 29794-5; see `mien.vision.measures` for the table.

Nothing here runs unless `Want.quality` asks for it. A module measures one kind of thing: `light`, `background`,
`features` (eyes, mouth, coverings) and `geometry`; `regions` cuts out what they look at, `report` puts them together.
"""
