"""From a name or a path to batches.

`sources` finds data of the `source_types`; `public` (tfds), `local` (folder, zip, CSV; `layouts` finds splits and
classes in them), `parquet`, `idx` and `arrays` (.npz, .npy, memory) read them; `classes` are labels with numbers and
names, and `clusters` divide them; `pictures` decodes one picture, `cache` prepares all of them once, by their hash
(`hashing`), `stream` batches.
"""
