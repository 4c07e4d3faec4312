"""The attack laboratory of liveness detection: what is shown to a camera, what is injected in its place, and people.

No certificate: attacks are rendered from photos or made of one film, by people who know the defence. See `__main__`.
"""
