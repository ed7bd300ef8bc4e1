"""What the web page of a flock and the pages of the practice server have in common.

templates/frame.html is the frame of every page, static/style.css its style: colours by day and by night, and fonts
for all writing systems. static/aloud.js reads lines to a screen reader.
"""
