"""What a clip is divided into before work on it begins: shots."""
