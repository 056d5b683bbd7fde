"""A generator as a web page: its layers as operations, the page that holds them, what the page says of the model."""
