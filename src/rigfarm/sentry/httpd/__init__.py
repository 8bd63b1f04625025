"""A small HTTP server and templates that escape: what the Sentry's page is served with."""
