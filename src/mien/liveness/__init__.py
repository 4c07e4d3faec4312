"""Liveness: whether a real person is in front of the camera now.

An attempt is a challenge, drawn from its nonce (`challenge`), the frames that answer it (`types`), and the verdict on
them (`judge`). Methods that look at frames live in `mien.vision.presentation`; what they find is weighed in `fusion`.

    challenge = Challenge.draw(nonce, Mode.PASSIVE_ACTIVE)
    verdict = Judge(engine, store).judge(frames, challenge)
    verdict.decision, verdict.evidence_json()
"""
