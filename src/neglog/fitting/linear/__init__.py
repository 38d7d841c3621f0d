"""Linear models of any likelihood: their optimum by Newton's method."""
