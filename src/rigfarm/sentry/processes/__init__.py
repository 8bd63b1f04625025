"""Mining programs as processes: whom they run as, what systemd does for them, and how they end with their Sentry."""
