"""What leaves the house: SavedModels, ONNX models, their check, their card, the explorer's page."""
