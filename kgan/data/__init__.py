"""From a name or a path to batches.

`sources` finds data; `public` (tfds), `local` (folder, zip, CSV; `layouts` finds splits and classes in them), `idx` and
`arrays` (.npz, .npy, memory) read them; `classes` are labels with numbers and names; `pictures` decodes one picture,
`cache` prepares all of them once, `stream` batches.
"""
