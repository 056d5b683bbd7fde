"""From a name or a path to batches.

`sources` finds data, `public` (tfds) and `own` (folder, zip, CSV) read them, `pictures` decodes one picture, `cache`
prepares all of them once, `stream` batches.
"""
