"""What leaves the house: SavedModels, ONNX models, web pages, their check, their card."""
