"""Who this Sentry is: its folder, settings, password and token, and how it joins a Commander."""
