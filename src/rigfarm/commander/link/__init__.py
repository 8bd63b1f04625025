"""The Sentries' end of the Commander: authenticate, receive, acknowledge, deliver."""
