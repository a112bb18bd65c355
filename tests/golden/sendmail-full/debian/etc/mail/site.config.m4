divert(-1)
dnl Made by pkibuild from pki.yaml for service/smtp@myhost.
dnl For building Sendmail from its source: put this file at devtools/Site/site.config.m4 and run `sh Build -c'.
divert(0)dnl
APPENDDEF(`conf_sendmail_ENVDEF', `-DSTARTTLS')
APPENDDEF(`conf_sendmail_ENVDEF', `-D_FFR_SMTP_SSL')
APPENDDEF(`conf_sendmail_LIBS', `-lssl -lcrypto')
