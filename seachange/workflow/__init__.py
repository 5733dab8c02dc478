"""What needs two capabilities, and in which order."""
