"""Evidence for and against presentation attacks, from the frames of a video in which one face should be.

Every module is one method and knows neither sessions nor challenges: `track` follows the face, `reflection` compares
its colour with a light that was shone on it, `planarity` asks whether it turns as a plane does, `motion`
whether it is deep and moves of itself while it looks ahead, `material` runs the passive networks on its surroundings,
`dynamics` looks for blinks and a mouth that moves. What they find becomes a decision in `mien.liveness.fusion`.
"""
