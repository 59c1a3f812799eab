"""A loopback proxy between any client and any endpoint, which judges both as it passes.

    with forwarding(Order("https://generativelanguage.googleapis.com")) as forwarder:
        forwarder.url                      # for GOOGLE_GEMINI_BASE_URL
        for passed in forwarder.passed():  # one exchange after the other, as they end
            lines = conversations.take(passed)

Two processes, so that judging never delays a byte: `forwarding` starts the one that only forwards, and tells
what it passed. Read on in this order: `passed` (what that is), `heads` (what is changed on the way),
`passage` and `upstream` (the two connections of a client, which live and die together), `forwarding`,
`conversations` (who broke what), `keeping` (cassettes and HAR archives).
"""
