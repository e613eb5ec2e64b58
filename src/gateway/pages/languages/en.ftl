# Every language has the same keys with the same variables; tests compare them.

language = English
languages = Language

## The form

form-title = Send a tip to { $newsroom }
form-sealing = What you send is sealed before it is stored. Only the reviewers of { $newsroom } can open it then, on their own machines; this server cannot. It stores neither your address nor the names of your files.
form-care = Use Tor Browser with its security level on “Safest”. Do not use a device or a network of your workplace, nor a device that others at home use too. No one can promise that you stay unknown: what you write may itself point to you.
form-message = Your message
form-message-hint = Leave out what shows who you are, unless it is needed to understand you.
form-files = Files
form-files-hint = Up to { $files } files, all together at most { $size }. From photos, videos, recordings, PDF and office files, hidden details such as place, device, time and author are removed. What can be seen, heard or read in a file stays in it.
form-no-files = Files cannot be taken just now, but words can: send your message today, and the files in a few days.
form-uncleanable = If such details cannot be removed from a file:
form-leave-out = leave the file out. The receipt then says which one, and what you can do instead.
form-send-original = send it unchanged. It may tell the reviewers your name, your device, or where and when it was made. They are warned before they open it.
form-send-hint = Large files can take many minutes. Keep this page open until the receipt is there.
form-send = Send
form-key = Is this really the newsroom?
form-key-hint = Compare this fingerprint of the newsroom’s key with the one that they have printed or published elsewhere. If the two differ, do not send anything.
form-publication = Check who can open tips (for experts)

## The receipt

receipt-title = Your tip is stored
receipt-text = It has been sealed. Only the reviewers can open it now.
receipt-files = Your files
receipt-leave = Please close Tor Browser now, so that nobody sees this page on your screen.
receipt-another = Send something else

file-cleaned = File { $number }: { $kind }, cleaned
file-left-out = File { $number }: { $kind }, left out
file-original = File { $number }: { $kind }, sent unchanged
file-removed = Removed: { $things }.
file-removed-nothing = No hidden details were found in it.
file-stays = Stays in it: { $things }.
file-stays-nothing = Nothing that we know of stays in it.
file-original-warning = It was sent as you chose, with everything it may contain. The reviewers are warned before they open it.
list-separator = {", "}

## Kinds of files

kind-jpeg = photo (JPEG)
kind-png = picture (PNG)
kind-text = plain text
kind-webp = picture (WebP)
kind-gif = picture (GIF)
kind-tiff = picture (TIFF)
kind-heic = photo (HEIC)
kind-avif = picture (AVIF)
kind-bmp = picture (BMP)
kind-raw-photo = raw photo of a camera
kind-svg = drawing (SVG)
kind-html = web page (HTML)
kind-xml = XML document
kind-rtf = RTF document
kind-pdf = PDF document
kind-docx = Word document
kind-xlsx = Excel spreadsheet
kind-pptx = PowerPoint slides
kind-odt = OpenDocument text
kind-ods = OpenDocument spreadsheet
kind-odp = OpenDocument slides
kind-epub = e-book (EPUB)
kind-hwpx = Hangul document (HWPX)
kind-legacy-office = office document of an old format
kind-hwp = Hangul document (HWP)
kind-zip = ZIP archive
kind-rar = RAR archive
kind-seven-zip = 7z archive
kind-gzip = gzip archive
kind-mp4 = video (MP4)
kind-mov = video (MOV)
kind-three-gp = video (3GP)
kind-m4a = sound (M4A)
kind-matroska = video (MKV, WebM)
kind-avi = video (AVI)
kind-mp3 = sound (MP3)
kind-flac = sound (FLAC)
kind-ogg = sound or video (Ogg)
kind-wav = sound (WAV)
kind-aiff = sound (AIFF)
kind-amr = sound (AMR)
kind-unknown = unknown kind of file

## What was found

found-location = place
found-device = device
found-time = date and time
found-person = names of people
found-software = programs used
found-comment = comments and captions
found-preview = hidden preview pictures
found-colour-profile = colour profile
found-trailing = data after the end of the file
found-identifier = numbers that identify a document or a program
found-history = earlier versions and deleted text
found-telemetry = sensor readings
found-attachment = files inside the file
found-active = scripts, and links that call somewhere
found-other = other hidden details

## What stays

remains-sensor-noise = the fine noise of the camera’s sensor, which experts may be able to match to a camera
remains-picture = all that can be seen in the picture
remains-wording = the wording and the way of writing
remains-sound = all that can be heard: voices, background, the microphone’s own sound
remains-layout = fonts and layout, and marks of printers or scanners on the pages

## Why a file could not be cleaned

refusal-unsupported = Hidden details cannot be removed from this kind of file here.
refusal-damaged = The file is damaged, so hidden details could not be removed with certainty.
refusal-too-large = The file, or something in it, is too large to be cleaned here.
refusal-encrypted = The file is locked with a password.
refusal-macros = The file holds macros, small programs that run when it is opened.
refusal-inside = In the file there is something that cannot be cleaned: { $inner }.
refusal-encoding = This text is not stored in UTF-8, so it could not be read with certainty.
refusal-ambiguous = The file can be read as more than one kind, so it is not certain what it holds.
refusal-empty = The file is empty.

advice-picture = You could open the picture, take a screenshot of it, and send the screenshot.
advice-document = You could copy the text into the message, or send screenshots of the pages.
advice-text = You could copy the text into the message.
advice-recording = You could describe in the message what is to be seen or heard, or send it again with the choice “send it unchanged”.
advice-archive = You could unpack the archive and send the files in it one by one.
advice-encrypted = You could save it without a password and send that, or send screenshots of it.
advice-macros = You could save it in the format without macros (for example .docx or .xlsx), or as a PDF.
advice-empty = Please check whether you chose the right file.
advice-other = You could describe in the message what the file shows, send screenshots of it, or send it again with the choice “send it unchanged”.

## When something is wrong

problem-back = Nothing has been stored. Your text is usually still there if you go back with your browser’s Back button; the files must then be chosen again.
problem-form = To the form
problem-no-such-page-title = There is no such page
problem-no-such-page-text = Please check the address, or go on to the form.
problem-no-such-method-title = This cannot be done here
problem-no-such-method-text = Please use the form.
problem-closed-title = The form is closed
problem-closed-text = { $newsroom } cannot take tips safely at the moment, so nothing is accepted. Please try again another day.
problem-no-room-title = There is no room at the moment
problem-no-room-text = The store of { $newsroom } is full, so nothing can be taken just now. Please try again in a few days.
problem-no-room-for-files-title = There is no room for these files at the moment
problem-no-room-for-files-text = The store of { $newsroom } is nearly full. You can send your message now, without files, or with fewer or smaller ones. Please send the files in a few days.
problem-busy-title = Too many uploads at the moment
problem-busy-text = Please try again in some minutes.
problem-not-the-form-title = Please send with the form
problem-not-the-form-text = What arrived was not sent in the way of this site’s form, so it was not read.
problem-malformed-title = What arrived could not be read
problem-malformed-text = It does not look as this site’s form sends it. Please try again with Tor Browser.
problem-cut-off-title = Only a part arrived
problem-cut-off-text = The connection ended before everything was here. Please try again.
problem-too-slow-title = It took too long
problem-too-slow-text = Too little arrived for too long, so the upload was ended. Please try again, perhaps with fewer or smaller files, or with a new Tor circuit for this site.
problem-too-large-title = That is too much at once
problem-too-large-text = All files together may have at most { $size }. Please send them in several tips.
problem-message-too-long-title = The message is too long
problem-message-too-long-text = A message may have at most { $text-size }. Please send a longer text as a text file.
problem-too-many-files-title = Those are too many files
problem-too-many-files-text = At most { $files } files can be sent at once. Please send the others in another tip.
problem-empty-title = There was nothing to send
problem-empty-text = Please write a message, or choose at least one file.
problem-nothing-left-title = Nothing was sent
problem-nothing-left-text = There was no message, and every file had to be left out. Below you can read why, and what you can do.
problem-failed-title = Something went wrong on our side
problem-failed-text = Tips cannot be stored at the moment. Please try again later.
