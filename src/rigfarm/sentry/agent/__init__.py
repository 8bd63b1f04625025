"""What a Sentry does all day: its parts report, their logs go to the spool and over the link, and what the Commander
says goes back to the parts."""
