"""What Sentry and Commander say to each other: the only package both import."""
