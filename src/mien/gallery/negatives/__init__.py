"""Negatives: faces that people said are not a person, kept so that the person matches faces like those more strictly.

A negative is the template of one face, sealed like an enrolled one. It belongs to a person and goes with them; whoever
the face shows can be found and erased like anybody who is enrolled. It counts only with the recogniser that made it:
after a change to another model it does nothing until the change is undone, and is deleted when the old templates are.

Policies ask for negatives (`EnrolmentPolicy.negatives`); without, none is kept and none is looked up: a resource that
has none costs one query every `remembered.KNOWN_FOR`.

- `service`: adds, lists and deletes them. `photos`: the face of a photo or a call that is to be kept.
- `lookup`: those that count in a search. `records`: their rows. `sealing`: their templates.
- `merging`: those of two persons who become one.
"""
