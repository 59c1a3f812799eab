"""An endpoint that is not ours: asked at a known cost, with manners, and without taking chance for fault.

budget     what may be spent, and what was
metering   what an answer will cost, and what it has cost
manners    429 and 503 are obeyed, what was stored is deleted again
forecast   what a scenario would cost, and what it would show
plan       the cheapest scenarios that show the most
insisting  the same question, asked more firmly
chance     how often a thing has to be seen before it is believed
tries      a scenario, played until its model does what it is about
clock      the time, which tests bring with them
"""
