"""Face quality by the measures of ISO/IEC 29794-5; see `mien.vision.measures` for the table.

Runs only if `Want.quality` is set. The measures are in `light`, `background`, `features` (eyes, mouth, coverings) and
`geometry`; `regions` crops the measured regions, `report` combines all measures.
"""
