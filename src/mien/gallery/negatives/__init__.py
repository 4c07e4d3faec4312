"""Negatives: faces that people said are not a person, stored so that the person matches similar faces more strictly.

A negative is the encrypted template of one face. It belongs to a person and follows them. The subject whom the face
shows can find and erase it like an enrolled face. It is used only with its own recogniser: after a re-embedding it has
no effect until that is rolled back, and it is deleted together with the old templates.

Negatives are stored only if the policy asks for them (`EnrolmentPolicy.negatives`). A resource without negatives costs
one query every `remembered.KNOWN_FOR`.

- `service`: adds, lists and deletes negatives. `photos`: reads the face to store.
- `lookup`: negatives for a search. `records`: their rows. `sealing`: their encryption.
- `merging`: negatives of two merged persons.
"""
