"""The attack laboratory of liveness detection: presentation attacks, injection attacks, and real people.

It is not a certification: attacks are rendered from photos or cut from one film, by people who know the defence. See
`__main__`.
"""
