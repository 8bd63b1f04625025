"""What happens in the farm, as events for webhooks."""
