"""The running part of alerts: queue, spool, senders, what raises them."""
