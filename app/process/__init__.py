"""What every process has: logs, metrics, systemd, memory."""
