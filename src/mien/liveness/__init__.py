"""Liveness: whether a real person is in front of the camera now.

An attempt consists of a challenge, drawn from its nonce (`challenge`), the frames that answer it (`types`), and the
verdict (`judge`). The methods that analyse frames are in `mien.vision.presentation`; `fusion` combines their results.

    challenge = Challenge.draw(nonce, Mode.PASSIVE_ACTIVE)
    verdict = Judge(engine, store).judge(frames, challenge)
    verdict.decision, verdict.evidence_json()
"""
