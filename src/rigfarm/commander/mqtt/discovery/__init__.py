"""What Home Assistant is told of devices, so that it finds them by itself."""
