# 모든 언어의 키와 변수는 같아야 하며, 테스트가 이를 비교합니다.

language = 한국어
languages = 언어 선택

## The form

form-title = { $newsroom }에 제보하기
form-sealing = 보내시는 내용은 저장되기 전에 봉인됩니다. 봉인된 뒤에는 { $newsroom }의 검토자만 자신의 기기에서 열 수 있으며, 이 서버는 열 수 없습니다. 접속 주소와 파일 이름은 저장하지 않습니다.
form-care = Tor 브라우저의 보안 수준을 ‘가장 안전함’으로 맞추어 사용하십시오. 직장의 기기나 네트워크, 집에서 다른 사람과 함께 쓰는 기기는 사용하지 마십시오. 신원이 절대 드러나지 않는다고 약속할 수 있는 사람은 없습니다. 쓰신 내용만으로도 누구인지 짐작될 수 있습니다.
form-message = 내용
form-message-hint = 내용을 이해하는 데 꼭 필요하지 않다면, 본인이 누구인지 알 수 있는 내용은 적지 마십시오.
form-files = 파일
form-files-hint = 파일은 { $files }개까지, 모두 합쳐 { $size }까지 보내실 수 있습니다. 사진, 동영상, 녹음, PDF, 오피스 문서에서는 장소, 기기, 시각, 작성자와 같이 파일에 숨어 있는 정보를 지웁니다. 보이고 들리고 읽히는 내용은 그대로 남습니다.
form-no-files = 지금은 파일을 받을 수 없지만 글은 받을 수 있습니다. 글을 먼저 보내시고, 파일은 며칠 뒤에 보내 주십시오.
form-uncleanable = 파일에서 이러한 정보를 지울 수 없는 경우:
form-leave-out = 그 파일은 보내지 않습니다. 어느 파일인지, 대신 무엇을 하실 수 있는지 접수 화면에서 알려 드립니다.
form-send-original = 그대로 보냅니다. 이름이나 기기, 만든 장소와 시각이 검토자에게 드러날 수 있습니다. 검토자는 파일을 열기 전에 이에 대한 안내를 받습니다.
form-send-hint = 파일이 크면 몇십 분이 걸릴 수도 있습니다. 접수 화면이 나올 때까지 이 페이지를 닫지 마십시오.
form-send = 보내기
form-key = 이곳이 정말 그 언론사입니까?
form-key-hint = 아래에 있는 언론사 열쇠의 지문을, 언론사가 인쇄물이나 다른 곳에 공개한 지문과 비교해 보십시오. 서로 다르면 아무것도 보내지 마십시오.
form-publication = 제보를 열 수 있는 사람 확인하기(전문가용)

## The receipt

receipt-title = 제보가 저장되었습니다
receipt-text = 제보는 봉인되었습니다. 이제 검토자만 열 수 있습니다.
receipt-files = 보내신 파일
receipt-leave = 다른 사람이 화면에서 이 페이지를 보지 못하도록 지금 Tor 브라우저를 닫아 주십시오.
receipt-another = 다른 제보 보내기

file-cleaned = 파일 { $number }: { $kind }, 정보를 지웠습니다
file-left-out = 파일 { $number }: { $kind }, 보내지 않았습니다
file-original = 파일 { $number }: { $kind }, 그대로 보냈습니다
file-removed = 지운 것: { $things }.
file-removed-nothing = 숨은 정보가 발견되지 않았습니다.
file-stays = 남아 있는 것: { $things }.
file-stays-nothing = 저희가 아는 한 남아 있는 것은 없습니다.
file-original-warning = 선택하신 대로, 들어 있는 정보를 모두 그대로 둔 채 보냈습니다. 검토자는 파일을 열기 전에 이에 대한 안내를 받습니다.
list-separator = {", "}

## Kinds of files

kind-jpeg = 사진(JPEG)
kind-png = 그림(PNG)
kind-text = 일반 텍스트
kind-webp = 그림(WebP)
kind-gif = 그림(GIF)
kind-tiff = 그림(TIFF)
kind-heic = 사진(HEIC)
kind-avif = 그림(AVIF)
kind-bmp = 그림(BMP)
kind-raw-photo = 카메라 원본 사진(RAW)
kind-svg = 벡터 그림(SVG)
kind-html = 웹 페이지(HTML)
kind-xml = XML 문서
kind-rtf = RTF 문서
kind-pdf = PDF 문서
kind-docx = Word 문서
kind-xlsx = Excel 스프레드시트
kind-pptx = PowerPoint 슬라이드
kind-odt = OpenDocument 문서
kind-ods = OpenDocument 스프레드시트
kind-odp = OpenDocument 슬라이드
kind-epub = 전자책(EPUB)
kind-hwpx = 한글 문서(HWPX)
kind-legacy-office = 옛 형식의 오피스 문서
kind-hwp = 한글 문서(HWP)
kind-zip = ZIP 압축 파일
kind-rar = RAR 압축 파일
kind-seven-zip = 7z 압축 파일
kind-gzip = gzip 압축 파일
kind-mp4 = 동영상(MP4)
kind-mov = 동영상(MOV)
kind-three-gp = 동영상(3GP)
kind-m4a = 음성(M4A)
kind-matroska = 동영상(MKV, WebM)
kind-avi = 동영상(AVI)
kind-mp3 = 음성(MP3)
kind-flac = 음성(FLAC)
kind-ogg = 음성 또는 동영상(Ogg)
kind-wav = 음성(WAV)
kind-aiff = 음성(AIFF)
kind-amr = 음성(AMR)
kind-unknown = 알 수 없는 종류의 파일

## What was found

found-location = 장소
found-device = 기기
found-time = 날짜와 시각
found-person = 사람 이름
found-software = 사용한 프로그램
found-comment = 설명과 메모
found-preview = 숨은 미리보기 그림
found-colour-profile = 색상 프로파일
found-trailing = 파일 끝에 덧붙은 데이터
found-identifier = 문서나 프로그램을 구별하는 번호
found-history = 이전 판과 지운 글
found-telemetry = 센서가 잰 값
found-attachment = 파일 안에 든 파일
found-active = 스크립트와 외부로 연결하는 링크
found-other = 그 밖의 숨은 정보

## What stays

remains-sensor-noise = 카메라 센서의 미세한 잡음(전문가가 어느 카메라인지 알아낼 수도 있습니다)
remains-picture = 사진에 보이는 모든 것
remains-wording = 낱말과 글투
remains-sound = 들리는 모든 것(목소리, 주변 소리, 마이크 특유의 소리)
remains-layout = 글꼴과 배치, 인쇄기나 스캐너가 쪽에 남긴 자국

## Why a file could not be cleaned

refusal-unsupported = 이 종류의 파일에서는 숨은 정보를 지울 수 없습니다.
refusal-damaged = 파일이 손상되어 숨은 정보를 확실하게 지울 수 없었습니다.
refusal-too-large = 파일 또는 그 안의 내용이 너무 커서 정보를 지울 수 없습니다.
refusal-encrypted = 암호로 잠긴 파일입니다.
refusal-macros = 매크로(파일을 열 때 실행되는 작은 프로그램)가 들어 있는 파일입니다.
refusal-inside = 파일 안에 정보를 지울 수 없는 것이 들어 있습니다: { $inner }
refusal-encoding = UTF-8로 저장되지 않은 글이어서 확실하게 읽을 수 없었습니다.
refusal-ambiguous = 여러 종류로 읽힐 수 있는 파일이어서 무엇이 들어 있는지 확실하지 않습니다.
refusal-empty = 파일이 비어 있습니다.

advice-picture = 그림을 열어 화면을 캡처한 다음, 캡처한 그림을 보내실 수 있습니다.
advice-document = 글을 복사해 내용란에 붙여 넣거나, 각 쪽의 화면을 캡처해 보내실 수 있습니다.
advice-text = 글을 복사해 내용란에 붙여 넣으실 수 있습니다.
advice-recording = 무엇이 보이고 들리는지 내용란에 적어 주시거나, ‘그대로 보냅니다’를 선택해 다시 보내실 수 있습니다.
advice-archive = 압축을 풀어 안에 있는 파일을 하나씩 보내실 수 있습니다.
advice-encrypted = 암호 없이 다시 저장해 보내시거나, 화면을 캡처해 보내실 수 있습니다.
advice-macros = 매크로가 없는 형식(예: .docx, .xlsx)이나 PDF로 저장해 보내실 수 있습니다.
advice-empty = 파일을 맞게 고르셨는지 확인해 주십시오.
advice-other = 파일의 내용을 내용란에 설명해 주시거나, 화면을 캡처해 보내시거나, ‘그대로 보냅니다’를 선택해 다시 보내실 수 있습니다.

## When something is wrong

problem-back = 아무것도 저장되지 않았습니다. 브라우저의 ‘뒤로’ 단추로 돌아가면 쓰신 글은 대개 그대로 남아 있습니다. 파일은 다시 고르셔야 합니다.
problem-form = 제보 양식으로 가기
problem-no-such-page-title = 없는 페이지입니다
problem-no-such-page-text = 주소를 확인하시거나 제보 양식으로 이동해 주십시오.
problem-no-such-method-title = 여기서는 할 수 없는 요청입니다
problem-no-such-method-text = 제보 양식을 사용해 주십시오.
problem-closed-title = 제보를 받지 않고 있습니다
problem-closed-text = 지금은 { $newsroom }에서 제보를 안전하게 받을 수 없어 아무것도 접수하지 않습니다. 다른 날에 다시 시도해 주십시오.
problem-no-room-title = 지금은 저장할 공간이 없습니다
problem-no-room-text = { $newsroom }의 저장 공간이 가득 차서 지금은 아무것도 받을 수 없습니다. 며칠 뒤에 다시 시도해 주십시오.
problem-no-room-for-files-title = 지금은 이 파일을 저장할 공간이 없습니다
problem-no-room-for-files-text = { $newsroom }의 저장 공간이 거의 찼습니다. 지금은 파일 없이 글만 보내시거나, 파일의 수나 크기를 줄여 보내실 수 있습니다. 나머지 파일은 며칠 뒤에 보내 주십시오.
problem-busy-title = 지금은 동시에 보내는 사람이 너무 많습니다
problem-busy-text = 몇 분 뒤에 다시 시도해 주십시오.
problem-not-the-form-title = 제보 양식으로 보내 주십시오
problem-not-the-form-text = 이 사이트의 양식과 다른 방식으로 보내져 내용을 읽지 않았습니다.
problem-malformed-title = 받은 내용을 읽을 수 없습니다
problem-malformed-text = 이 사이트의 양식이 보내는 형태와 다릅니다. Tor 브라우저로 다시 시도해 주십시오.
problem-cut-off-title = 일부만 도착했습니다
problem-cut-off-text = 모두 도착하기 전에 연결이 끊어졌습니다. 다시 시도해 주십시오.
problem-too-slow-title = 시간이 너무 오래 걸렸습니다
problem-too-slow-text = 오랫동안 도착한 양이 너무 적어 전송을 끝냈습니다. 파일의 수나 크기를 줄이거나, 이 사이트의 Tor 회로를 새로 바꾸어 다시 시도해 주십시오.
problem-too-large-title = 한 번에 보내기에는 너무 큽니다
problem-too-large-text = 파일은 모두 합쳐 { $size }까지 보내실 수 있습니다. 여러 번에 나누어 보내 주십시오.
problem-message-too-long-title = 내용이 너무 깁니다
problem-message-too-long-text = 내용은 { $text-size }까지 쓰실 수 있습니다. 더 긴 글은 텍스트 파일로 보내 주십시오.
problem-too-many-files-title = 파일이 너무 많습니다
problem-too-many-files-text = 한 번에 { $files }개까지 보내실 수 있습니다. 나머지는 따로 보내 주십시오.
problem-empty-title = 보낼 내용이 없습니다
problem-empty-text = 내용을 쓰시거나 파일을 하나 이상 골라 주십시오.
problem-nothing-left-title = 아무것도 보내지 않았습니다
problem-nothing-left-text = 쓰신 내용이 없고, 파일은 모두 보낼 수 없었습니다. 그 까닭과 하실 수 있는 일을 아래에 적었습니다.
problem-failed-title = 저희 쪽에 문제가 생겼습니다
problem-failed-text = 지금은 제보를 저장할 수 없습니다. 나중에 다시 시도해 주십시오.
