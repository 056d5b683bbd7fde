"""From a name or a path to batches.

`sources` finds data; `public` (tfds), `local` (folder, zip, CSV) and `arrays` (.npz, IDX) read them; `pictures` decodes
one picture, `cache` prepares all of them once, `stream` batches.
"""
