# 各语言的键和变量必须相同，由测试比对。

language = 简体中文
languages = 选择语言

## The form

form-title = 向{ $newsroom }提供线索
form-sealing = 您发送的内容会先封存，再保存。封存之后，只有{ $newsroom }的审阅人能在他们自己的设备上打开；本服务器无法打开。您的网络地址和文件名都不会保存。
form-care = 请使用 Tor 浏览器，并把安全级别设为“最安全”。不要使用工作单位的设备或网络，也不要使用家里与别人共用的设备。谁也无法保证您绝不会被认出：您所写的内容本身就可能透露您是谁。
form-message = 您的留言
form-message-hint = 除非不写就无法说明情况，否则请不要写出能看出您是谁的内容。
form-files = 文件
form-files-hint = 最多 { $files } 个文件，总共不超过 { $size }。照片、视频、录音、PDF 和办公文档里隐藏的地点、设备、时间、作者等信息会被清除；能看到、听到、读到的内容会保留。
form-no-files = 现在暂时无法接收文件，但可以接收文字：请先发送留言，过几天再发送文件。
form-uncleanable = 如果某个文件里的这类信息无法清除：
form-leave-out = 不发送该文件。回执会说明是哪一个，以及您可以怎么做。
form-send-original = 原样发送。它可能会让审阅人看到您的姓名、设备，或制作的地点和时间。审阅人打开之前会看到提醒。
form-send-hint = 文件较大时可能需要几十分钟。在回执出现之前，请不要关闭本页。
form-send = 发送
form-key = 这里真的是该媒体吗？
form-key-hint = 请把下面的媒体密钥指纹，与他们印在纸上或在别处公布的指纹对照。如果两者不同，请什么也不要发送。
form-publication = 查验哪些人能打开线索（供专业人员使用）

## The receipt

receipt-title = 您的线索已保存
receipt-text = 线索已经封存，现在只有审阅人能够打开。
receipt-files = 您的文件
receipt-leave = 请现在关闭 Tor 浏览器，以免别人在您的屏幕上看到本页。
receipt-another = 再发送一条线索

file-cleaned = 文件 { $number }：{ $kind }，已清除信息
file-left-out = 文件 { $number }：{ $kind }，未发送
file-original = 文件 { $number }：{ $kind }，已原样发送
file-removed = 已清除：{ $things }。
file-removed-nothing = 没有发现隐藏的信息。
file-stays = 仍然保留：{ $things }。
file-stays-nothing = 据我们所知，没有保留任何信息。
file-original-warning = 已按您的选择连同其中的全部信息一起发送。审阅人打开之前会看到提醒。
list-separator = 、

## Kinds of files

kind-jpeg = 照片（JPEG）
kind-png = 图片（PNG）
kind-text = 纯文本
kind-webp = 图片（WebP）
kind-gif = 图片（GIF）
kind-tiff = 图片（TIFF）
kind-heic = 照片（HEIC）
kind-avif = 图片（AVIF）
kind-bmp = 图片（BMP）
kind-raw-photo = 相机原始照片（RAW）
kind-svg = 矢量图（SVG）
kind-html = 网页（HTML）
kind-xml = XML 文档
kind-rtf = RTF 文档
kind-pdf = PDF 文档
kind-docx = Word 文档
kind-xlsx = Excel 表格
kind-pptx = PowerPoint 幻灯片
kind-odt = OpenDocument 文档
kind-ods = OpenDocument 表格
kind-odp = OpenDocument 幻灯片
kind-epub = 电子书（EPUB）
kind-hwpx = 韩文文档（HWPX）
kind-legacy-office = 旧格式的办公文档
kind-hwp = 韩文文档（HWP）
kind-zip = ZIP 压缩包
kind-rar = RAR 压缩包
kind-seven-zip = 7z 压缩包
kind-gzip = gzip 压缩包
kind-mp4 = 视频（MP4）
kind-mov = 视频（MOV）
kind-three-gp = 视频（3GP）
kind-m4a = 音频（M4A）
kind-matroska = 视频（MKV、WebM）
kind-avi = 视频（AVI）
kind-mp3 = 音频（MP3）
kind-flac = 音频（FLAC）
kind-ogg = 音频或视频（Ogg）
kind-wav = 音频（WAV）
kind-aiff = 音频（AIFF）
kind-amr = 音频（AMR）
kind-unknown = 未知类型的文件

## What was found

found-location = 地点
found-device = 设备
found-time = 日期和时间
found-person = 人名
found-software = 所用的软件
found-comment = 注释和说明文字
found-preview = 隐藏的预览图
found-colour-profile = 色彩配置文件
found-trailing = 文件末尾之后的数据
found-identifier = 可识别文档或程序的编号
found-history = 以前的版本和已删除的文字
found-telemetry = 传感器读数
found-attachment = 文件内的其他文件
found-active = 脚本以及会连接外部的链接
found-other = 其他隐藏的信息

## What stays

remains-sensor-noise = 相机感光元件的细微噪点（专家也许能据此辨认出是哪一台相机）
remains-picture = 画面上能看到的一切
remains-wording = 用词和行文习惯
remains-sound = 能听到的一切：说话声、背景声、麦克风自身的声音
remains-layout = 字体和版式，以及打印机或扫描仪在页面上留下的痕迹

## Why a file could not be cleaned

refusal-unsupported = 这里无法清除这类文件中隐藏的信息。
refusal-damaged = 文件已损坏，无法确保清除其中隐藏的信息。
refusal-too-large = 文件或其中的内容太大，这里无法清除信息。
refusal-encrypted = 该文件有密码保护。
refusal-macros = 该文件含有宏，即打开文件时会运行的小程序。
refusal-inside = 该文件中有无法清除信息的内容：{ $inner }。
refusal-encoding = 这个文本不是以 UTF-8 保存的，无法确保正确读取。
refusal-ambiguous = 该文件可以被当作多种类型来读取，无法确定其中有什么。
refusal-empty = 文件是空的。

advice-picture = 您可以打开图片，截屏，然后发送截图。
advice-document = 您可以把文字复制到留言中，或者发送各页的截图。
advice-text = 您可以把文字复制到留言中。
advice-recording = 您可以在留言中说明能看到或听到什么，或者选择“原样发送”再发一次。
advice-archive = 您可以解开压缩包，把里面的文件逐个发送。
advice-encrypted = 您可以另存为不带密码的文件再发送，或者发送截图。
advice-macros = 您可以另存为不含宏的格式（例如 .docx 或 .xlsx）或 PDF。
advice-empty = 请检查是否选对了文件。
advice-other = 您可以在留言中说明文件的内容，发送截图，或者选择“原样发送”再发一次。

## When something is wrong

problem-back = 没有保存任何内容。用浏览器的“后退”按钮返回时，您写的文字通常还在；文件则需要重新选择。
problem-form = 前往表单
problem-no-such-page-title = 没有这个页面
problem-no-such-page-text = 请检查网址，或者前往表单。
problem-no-such-method-title = 这里不能这样操作
problem-no-such-method-text = 请使用表单。
problem-closed-title = 目前不接收线索
problem-closed-text = { $newsroom }目前无法安全地接收线索，因此暂不接受任何内容。请改天再试。
problem-no-room-title = 目前没有存储空间
problem-no-room-text = { $newsroom }的存储空间已满，现在什么都无法接收。请过几天再试。
problem-no-room-for-files-title = 目前没有空间存放这些文件
problem-no-room-for-files-text = { $newsroom }的存储空间快满了。您现在可以只发送文字，不带文件，或者只带较少、较小的文件。请过几天再发送其余文件。
problem-busy-title = 目前同时上传的人太多
problem-busy-text = 请过几分钟再试。
problem-not-the-form-title = 请使用表单发送
problem-not-the-form-text = 收到的内容不是按本站表单的方式发送的，因此没有读取。
problem-malformed-title = 收到的内容无法读取
problem-malformed-text = 它与本站表单发送的形式不符。请用 Tor 浏览器再试一次。
problem-cut-off-title = 只收到了一部分
problem-cut-off-text = 内容还没有全部到达，连接就中断了。请再试一次。
problem-too-slow-title = 用时太长
problem-too-slow-text = 长时间收到的内容太少，上传已被终止。请减少文件的数量或大小，或者为本站更换新的 Tor 线路，然后再试一次。
problem-too-large-title = 一次发送的内容太多
problem-too-large-text = 全部文件总共不能超过 { $size }。请分几次发送。
problem-message-too-long-title = 留言太长
problem-message-too-long-text = 留言不能超过 { $text-size }。更长的文字请作为文本文件发送。
problem-too-many-files-title = 文件太多
problem-too-many-files-text = 一次最多发送 { $files } 个文件。其余的请另行发送。
problem-empty-title = 没有可发送的内容
problem-empty-text = 请写一段留言，或者至少选择一个文件。
problem-nothing-left-title = 没有发送任何内容
problem-nothing-left-text = 没有留言，而且所有文件都无法发送。下面说明了原因和您可以采取的办法。
problem-failed-title = 我们这边出了问题
problem-failed-text = 目前无法保存线索。请稍后再试。
