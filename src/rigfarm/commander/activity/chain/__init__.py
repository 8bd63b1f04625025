"""What makes a change of the activity's rows visible: each row's hash covers the row and the hash before it."""
