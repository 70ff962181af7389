"""What is kept of runs and given away: session files and exports."""
