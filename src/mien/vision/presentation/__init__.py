"""Presentation attack detection (PAD): evidence from the frames of a video of one face.

Every module is one method, independent of sessions and challenges: `track` tracks the face; `reflection` compares its
colour with a light shone on it; `planarity` tests whether it turns like a plane; `novelty` whether turning shows new
detail; `motion` whether it has depth and moves by itself while looking ahead; `material` runs the passive networks;
`dynamics` detects blinks and a moving mouth. `mien.liveness.fusion` combines the evidence into a decision.
"""
