"""What is felt: perception of texts, named emotions, and the mood they leave behind."""
