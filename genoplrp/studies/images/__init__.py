"""Images: the engine is not only for DNA. VGG and ResNet explained and pruned, measured on digits with exact masks."""
